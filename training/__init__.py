"""How networks are made and judged: synthetic training frames, training, export, and accuracy on frames never seen."""
