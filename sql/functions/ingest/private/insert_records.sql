-- Brings the records of a commit from staging into the target of an HTTP source (upsert_text), all at
-- once. If PostgreSQL refuses that because of values, by halves, until each bad record is alone. What
-- becomes of it says the value policy:
--
-- fail        SY203, which names it; nothing is stored
-- quarantine  it is left out, and returned; more than 10,000 in a commit are SY203
-- null        those of its values that are bad become NULL, where their columns may be; else as fail
--
-- A source that evolves gets the columns that its records need first (evolve_columns). Whether they need any
-- is known when they are parsed, so with the insert, which is undone then: to parse all of them before costs
-- every commit a third more, and nearly none brings a new field. Fields that cannot be columns undo nothing.
--
-- p_parts, p_records: see commit_pages.
--
-- inserted, high          see upsert_text
-- fields                  that no column reads, and that are to be told
-- rejected                {"block", its page, "row", its number there, from 0, "column", "sqlstate", "reason",
--                         "value", "values", the record} of each; 100 of a commit get the column
-- nulled                  {"column", "count", "block", "row", "reason"} of each value
--
-- Each attempt is a block with an exception handler, a subtransaction of its own.
--
-- Locks: target rows; if columns are added the target (access exclusive) and the stream row.
create or replace function ampsync_private.insert_records(
  in  p_stream  ampsync_private.stream,
  in  p_source  jsonb,
  in  p_policy  text,
  in  p_parts   jsonb,
  in  p_records integer,
  out inserted  bigint,
  out high      jsonb,
  out fields    text[],
  out rejected  jsonb[],
  out nulled    jsonb[]
)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off -- Whatever the target's size and statistics, a row is found by its key.
  set enable_hashjoin = off
  set enable_mergejoin = off
  set jit = off
as $$
declare
  v_staging regclass := ampsync_private.staging_table(p_stream.stream_id);
  v_evolves boolean := p_source ->> 'schema' = 'evolve';
  v_tells   boolean := cardinality(p_stream.seen_fields) <= 200;
  v_pages   record;
  v_watches boolean; -- Whether unknown fields are noticed.
  v_lists   text[] := '{$5,$6,$7,NULL}';
  v_plain   boolean := p_source ->> 'on_conflict' = 'ignore' and p_source -> 'range' ->> 'field' is null;
  v_has_new boolean := false; -- Whether there are any.
  v_upsert  text;
begin
  select * into strict v_pages
    from ampsync_private.page_lists(p_stream, p_parts);
  v_watches := v_evolves or v_tells and true = any (v_pages.looked);
  if not v_evolves and false = any (v_pages.looked) then
    v_lists[4] := '$8';
  end if;
  v_upsert := ampsync_private.upsert_text(p_stream, p_source, v_staging, v_lists, v_watches, p_plain => v_plain);
  fields := '{}';
  rejected := '{}';
  nulled := '{}';
  perform set_config('ampsync.unknown_fields', '', true);

  begin
    if v_plain then
      execute v_upsert
        using 0, p_records, tid '(0,0)', tid '(4294967295,65535)', v_pages.firsts, v_pages.parts,
              ampsync_private.known_fields(p_stream), v_pages.looked;
      get diagnostics inserted = row_count;
    else
      execute v_upsert
         into strict inserted, high
        using 0, p_records, tid '(0,0)', tid '(4294967295,65535)', v_pages.firsts, v_pages.parts,
              ampsync_private.known_fields(p_stream), v_pages.looked;
    end if;
    v_has_new := current_setting('ampsync.unknown_fields') = 'on';
    if v_evolves and v_has_new then
      select coalesce(array_agg(f.name order by f.name) filter (where not c.is_column), '{}'),
             coalesce(bool_or(c.is_column), false) into strict fields, v_has_new
        from jsonb_object_keys(ampsync_private.new_fields(p_stream, v_staging)) f(name)
       cross join lateral (select ampsync_private.can_be_column(p_stream.target, f.name) as is_column) c;
    end if;
    if v_evolves and v_has_new then
      raise exception using -- Caught below.
        errcode = 'SY201',
        message = format('records have fields that %s has no columns for', p_stream.target),
        detail  = 'What was inserted is undone.',
        hint    = 'Add columns first.';
    end if;
  exception
    when others then
      if not v_has_new and not ampsync_private.is_refusal(sqlstate) then
        raise;
      end if;
      inserted := null;
  end;

  if inserted is null and v_evolves then
    fields := ampsync_private.evolve_columns(p_stream, v_staging);
    select * into strict p_stream
      from ampsync_private.stream s
     where s.stream_id = p_stream.stream_id;
  end if;
  if inserted is null then
    select * into strict inserted, high, rejected, nulled
      from ampsync_private.insert_by_halves(p_stream, p_source, p_policy, p_parts, p_records,
                                            v_watches and not v_evolves);
    v_has_new := current_setting('ampsync.unknown_fields') = 'on';
  end if;
  if v_has_new and not v_evolves then
    fields := ampsync_private.ignored_fields(p_stream, v_staging, v_pages.firsts, v_pages.looked);
  end if;
  high := coalesce(high, '{}');
  fields := case when v_tells then fields else '{}' end;
end;
$$;

comment on function ampsync_private.insert_records(ampsync_private.stream, jsonb, text, jsonb, integer)
  is 'Bring the records of a commit from staging into the target; bad ones as the value policy says.';
