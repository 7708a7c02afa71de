"""Functions of the user and of the library: how they are declared, found again and stored; they run elsewhere."""
