"""Plain implementations of the reference's rules, which tests compare the package with."""
