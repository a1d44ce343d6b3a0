local more = require "lib.more"
return {}
