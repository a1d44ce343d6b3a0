return {
  comands = {},
}
