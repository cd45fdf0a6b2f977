"""Checks: a requirement becomes cells, each is asked about, and they fold into one finding."""
