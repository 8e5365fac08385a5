"""A paper and its runs: everything that it takes from them is made, and every number is checked.

`plan` reads ``paper.toml`` into `section`s, and `selection` finds the runs that each means.
`outputs` says what is to be made, `state` what was made (the lock), and `build` makes the
difference: `make` hands each output to `numbers`, `figures`, `paragraphs` or the tables, and
`macros` writes the file of all numbers.  `check` holds the lock against files and runs
(`standing`) and against the paper's text (`text`), in the words of `findings`.  `checklist`
asks the runs what a venue wants to know (`topics`).  `start` writes a first plan.
"""
