"""llama.cpp: its library, its settings, its contexts and the weights it computes with."""
