"""Figures and reports: data first, then the drawing of it."""
