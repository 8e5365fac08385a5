"""What the runs of a paper have to say on the questions of checklists."""
