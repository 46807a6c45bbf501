-- Ends the publication of a captured table, if it is one: that of a table which a dataset writes from now on, or which
-- was unpublished. It waits for nobody who uses the table: the job ampsync_publication takes it out of the publication,
-- if it is still there, and puts its replica identities back.
--
-- p_reason  for people, in the event `table_ended`
--
-- Locks: the row of `published`.
create or replace function ampsync_private.end_captured(
  p_relation regclass,
  p_reason   text default 'a dataset writes it now'
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  update ampsync_private.published p
     set state    = 'ended',
         relation = null,
         seen     = null,
         error    = null,
         since    = ampsync_private.now(),
         put_back = case when p.identity_before is not null
                         then jsonb_build_object('relation', p_relation::oid::text) end
   where p.relation = p_relation
     and p.mode = 'rows';
  if found then
    perform ampsync_private.journal(null, 'table_ended',
              jsonb_build_object('table', p_relation::text, 'reason', p_reason));
  end if;
end;
$$;

comment on function ampsync_private.end_captured(regclass, text)
  is 'End the publication of a captured table, if it is one.';
