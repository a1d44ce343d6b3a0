UPDATE pg_class SET relrowsecurity = 0;
