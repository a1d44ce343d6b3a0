local names = {
  "a",
