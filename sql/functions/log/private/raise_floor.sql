-- A new floor of a published table: whoever has read the log to a position below it loads the table
-- anew. Returns the position.
--
-- p_reason  for people, in the entry, in the event `table_floor`
-- p_lsn, p_xid, p_at  see log_entry
--
-- Locks: the row of the table in `published`, then the log lock. Who raises several takes their rows before.
create or replace function ampsync_private.raise_floor(
  p_published_id integer,
  p_reason       text,
  p_lsn          pg_lsn default null,
  p_xid          xid8 default null,
  p_at           timestamptz default null
)
  returns bigint
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table    ampsync_private.published;
  v_position bigint;
begin
  select * into strict v_table
    from ampsync_private.published p
   where p.published_id = p_published_id
     for no key update;

  v_position := ampsync_private.log_entry('floor', array[p_published_id], jsonb_build_object('reason', p_reason),
                                          p_lsn, p_xid, p_at);
  update ampsync_private.published p
     set floor            = v_position,
         rebuildable_from = v_position
   where p.published_id = p_published_id;

  if v_table.state = 'live' then -- Else it is its first one, or that of its end.
    perform ampsync_private.journal(v_table.stream_id, 'table_floor',
              jsonb_build_object('table', format('%I.%I', v_table.schema_name, v_table.table_name),
                                 'position', v_position, 'reason', p_reason));
  end if;
  return v_position;
end;
$$;

comment on function ampsync_private.raise_floor(integer, text, pg_lsn, xid8, timestamptz)
  is 'Give a published table a new floor: whoever stands below it loads the table anew.';
