package config

// Plain is for the fuzz test.
var Plain = plain
