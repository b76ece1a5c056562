"""Bootstrap over batteries: intervals of every measure of agreement."""
