local a = require "../lib/two"
local b = require "lib/two"
local c = require "lib..two"
local d = require ""
