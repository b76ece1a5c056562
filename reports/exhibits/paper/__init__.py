"""The figures and tables of the paper whose method valuescope follows."""
