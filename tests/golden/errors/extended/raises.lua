local wanted
return {first = wanted.first}
