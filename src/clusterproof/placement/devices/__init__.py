"""Dynamic resource allocation: what pods claim, what drivers publish, and whether the one can be had of the other."""
