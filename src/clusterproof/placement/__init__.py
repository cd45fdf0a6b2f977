"""Where may a pod run, and how likely: the scheduler's filters, scores and tie-break."""
