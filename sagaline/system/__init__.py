"""Systems: which applications, sagas and read models belong together, and who follows whom."""
