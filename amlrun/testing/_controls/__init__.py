"""The parts of `FakeAml`, by what a test says with them."""
