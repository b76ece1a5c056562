"""How close models are to people: over countries, one country, one question, the world."""
