"""What a snapshot means: node groups and classes, workloads, interfaces, Services, the data plane."""
