"""The text of a paper: its files, what they show, and whether the numbers in them are right."""
