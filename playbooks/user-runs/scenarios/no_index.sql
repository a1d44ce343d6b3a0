DROP INDEX runs_of_user;
