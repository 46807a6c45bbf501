-- A table whose rows come though it is not published. One that is no longer there, or no longer in our
-- publication, is behind us. Else somebody put it into our publication: its rows are not stored, and the
-- supervisor takes it out again. One of ampsync's own is SY404: the log must not capture itself.
--
-- p_lsn  of the commit of the transaction
create or replace function ampsync_private.note_unknown(
  p_mark jsonb,
  p_lsn  pg_lsn
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_mark ->> 'schema' like 'ampsync%' then
    raise exception using
      errcode = 'SY404',
      message = format('the table %I.%I of ampsync itself is in its publication',
                       p_mark ->> 'schema', p_mark ->> 'table'),
      detail  = 'The log cannot capture itself.',
      -- WAL has its rows already: without the second statement the same transaction comes again and again.
      hint    = format('alter publication ampsync drop table %I.%I; select ampsync.skip_transaction(%L);',
                       p_mark ->> 'schema', p_mark ->> 'table', p_lsn);
  end if;
  if exists (select 1
               from pg_publication_rel r
               join pg_publication b on b.oid = r.prpubid and b.pubname = 'ampsync'
               left join ampsync_private.published p on p.relation = r.prrelid
              where r.prrelid = (p_mark ->> 'relation')::oid
                and p.published_id is null) then
    perform ampsync_private.journal(null, 'table_unknown',
              jsonb_build_object('table', format('%I.%I', p_mark ->> 'schema', p_mark ->> 'table')));
  end if;
end;
$$;

comment on function ampsync_private.note_unknown(jsonb, pg_lsn)
  is 'Note a table whose changes come though it is not published.';
