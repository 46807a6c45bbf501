-- What verify and repair return has more columns, and the columns of the views come in another
-- order. The functions and views are made again in the same transaction.

drop function if exists ampsync.verify(text, text);
drop function if exists ampsync.repair(text, text, bigint, bigint, boolean);
drop function if exists ampsync_private.find_ledger_faults(bigint);

drop view if exists ampsync.status, ampsync.progress, ampsync.streams;
