"""Take in a model that was trained elsewhere: fetch it, understand it, and write it as a bundle."""
