"""Reports of evaluations: tables, histograms, worst cases, and the files they are written to."""
