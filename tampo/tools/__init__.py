"""Tools outside the workflow: planning a study, running it on other machines, timings."""
