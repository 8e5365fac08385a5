"""``epochal control``: a page in the browser that sets up, starts, stops and watches trainings.

================= ===========================================================================
``fields``        what the form asks for, and what each answer may be
``form``          the answers together: checked, turned into settings of a run
``document``      the form as JSON, which is a template for ``epochal.init`` as well
``saved``         forms by name, in the user's folder
``job``           a training in a process of its own: started, found again, stopped
``worker``        that process
``training``      its loop, with ``simulated`` and ``real`` as what is trained
``progress``      how a run stands, as read from its folder
``pages``         the three tabs, from the components of Gradio
``app``           everything behind one address, with the guard of the dashboard in front
================= ===========================================================================

The panel holds no state that matters: what a training did is read from its run, and a training is
stopped through its folder, so that a second tab, a reload and another panel can do the same.
"""
