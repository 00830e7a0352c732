"""The worker applications: pose estimation, tracking and the model tool."""
