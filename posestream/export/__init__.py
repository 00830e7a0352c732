"""Recordings in the formats of other tools: tables (CSV, Parquet), and markers in space over time (TRC, C3D)."""
