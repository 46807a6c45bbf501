-- Acts on a verdict (judge_form): notes the new form of a published table, and writes the entries of the log that
-- tell of it. Returns whether key or generated columns are others now, so that what was decoded must be decoded again.
--
-- p_found    as read_form gives it, with columns that are known
-- p_is_look  p_found was read before the place in WAL that the entry stands at, so that its storage is noted. That of
--            a Relation message is not: a rewrite in the same DDL is found by the next look
-- p_lsn, p_at  of the commit in WAL that the entries stand before
--
-- Locks: the row of `published`, then the log lock.
create or replace function ampsync_private.apply_form(
  p_published_id integer,
  p_verdict      jsonb,
  p_found        jsonb,
  p_is_look      boolean,
  p_lsn          pg_lsn,
  p_at           timestamptz
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table      ampsync_private.published;
  v_verdict    text := p_verdict ->> 'verdict';
  v_statements jsonb;
  v_hint       text;
begin
  select * into strict v_table
    from ampsync_private.published p
   where p.published_id = p_published_id
     for no key update;

  if v_verdict in ('ended', 'failed') then
    v_hint := case v_verdict
      when 'ended' then format('select ampsync.publish(%L);', format('%I.%I', v_table.schema_name, v_table.table_name))
      else format('select ampsync.unpublish(%L); -- or change the table back',
                  format('%I.%I', p_found ->> 'schema', p_found ->> 'table')) end;
    update ampsync_private.published p
       set state    = v_verdict,
           relation = case v_verdict when 'ended' then null else p.relation end,
           put_back = case when v_verdict = 'ended' and p.identity_before is not null
                             and exists (select from pg_class c where c.oid = p.relation)
                           then jsonb_build_object('relation', p.relation::oid::text) else p.put_back end,
           seen     = null,
           since    = ampsync_private.now(),
           error    = jsonb_build_object(
                        'code', case v_verdict when 'ended' then 'SY401' else 'SY402' end,
                        'message', case v_verdict when 'ended' then 'the table is not published any more'
                                                  else 'the table cannot be published as it is now: '
                                                       || (p_verdict ->> 'reason') end,
                        'detail', p_verdict ->> 'reason',
                        'hint', v_hint)
     where p.published_id = p_published_id;
    perform ampsync_private.log_entry('schema', array[p_published_id], jsonb_build_object(
              'reason', p_verdict ->> 'reason', 'state', v_verdict, 'migration', null, 'direction', null),
            p_lsn, null, p_at);
    perform ampsync_private.journal(null, case v_verdict when 'ended' then 'table_ended' else 'schema_changed' end,
              jsonb_build_object('table', format('%I.%I', v_table.schema_name, v_table.table_name),
                                 'reason', p_verdict ->> 'reason', 'hint', v_hint));
    return false;
  end if;

  if v_verdict in ('added', 'found', 'renamed') then
    v_statements := ampsync_private.client_statements(to_jsonb(v_table) || jsonb_build_object(
                      'schema', v_table.schema_name, 'table', v_table.table_name), p_found, p_found -> 'missing');
  end if;
  if v_verdict in ('added', 'found', 'renamed')
     or v_verdict = 'floor' and ((p_verdict ->> 'columns_differ')::boolean or (p_verdict ->> 'renamed')::boolean) then
    perform ampsync_private.enter_found_version(
              v_table, format('%I.%I', p_found ->> 'schema', p_found ->> 'table'), p_verdict ->> 'reason', v_statements,
              p_lsn, p_at);
  end if;
  if v_verdict = 'floor' then
    perform ampsync_private.raise_floor(p_published_id, p_verdict ->> 'reason', p_lsn, null, p_at);
  end if;

  update ampsync_private.published p
     set schema_name = coalesce(p_found ->> 'schema', p.schema_name),
         table_name  = coalesce(p_found ->> 'table', p.table_name),
         columns     = p_found -> 'columns',
         -- The number of the next column goes with the columns.
         storage     = case when p_is_look then ampsync_private.noted_storage(p_found -> 'storage')
                            else jsonb_set(p.storage, '{natts}', p_found -> 'storage' -> 'natts') end,
         state       = case when p.state = 'failed' then 'live' else p.state end,
         error       = case when p.state = 'failed' then null else p.error end
   where p.published_id = p_published_id;
  return ampsync_private.decoded_as(v_table.columns) <> ampsync_private.decoded_as(p_found -> 'columns');
end;
$$;

comment on function ampsync_private.apply_form(integer, jsonb, jsonb, boolean, pg_lsn, timestamptz)
  is 'Note the new form of a published table, and write the entries of the log that tell of it.';
