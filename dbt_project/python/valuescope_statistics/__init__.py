"""Statistics of the warehouse that SQL does not have, as functions of arrays and tables."""
