UPDATE orders SET cents = 1;

UPDATE ordrs SET cents = 2;
