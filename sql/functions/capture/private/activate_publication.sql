-- Lets a captured table go live: its floor is made here, and from here on all its changes are in the log. Before
-- the first transaction beyond its publication is stored, so that none is missing above the floor.
--
-- p_lsn, p_at  the transaction before which it happens; null: none
--
-- Locks: the table's row in `published` (hold_starting), the log lock.
create or replace function ampsync_private.activate_publication(
  p_published_id integer,
  p_lsn          pg_lsn,
  p_at           timestamptz
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table ampsync_private.published;
begin
  perform ampsync_private.raise_floor(p_published_id, 'published', p_lsn, null, p_at);
  update ampsync_private.published p
     set state = 'live',
         since = ampsync_private.now(),
         error = null
   where p.published_id = p_published_id
  returning * into strict v_table;
  perform ampsync_private.journal(null, 'table_live',
            jsonb_build_object('table', format('%I.%I', v_table.schema_name, v_table.table_name),
                               'position', v_table.floor));
end;
$$;

comment on function ampsync_private.activate_publication(integer, pg_lsn, timestamptz)
  is 'Let a captured table go live, with a floor.';
