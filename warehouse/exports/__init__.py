"""Tables as files for other programs, with what is to be cited."""
