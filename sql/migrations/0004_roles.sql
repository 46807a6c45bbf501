-- Who caused what: the role that called a function, or that of the worker.
alter table ampsync_private.event add column actor text;
