-- Keeps a table filled from a paginated HTTP API from now on: stores what the API is and how it is read,
-- and queues the work, both in the caller's transaction. Needs no network: whether the API answers is
-- for the job to find out. docs/http.md has a definition for each kind of pages.
--
-- dataset       [namespace/]name: what the source is called; not the name of an Amp dataset
-- source        its definition, a JSON object. Of a source that is there it is merged key by key, null
--               removes a key, and what is not given keeps its value
-- target        the table, as "schema.table"; default public and the name of the source, or its
--               namespace and that. Fixed once chosen. A table that is there is taken only where the
--               definition says "adopt": true, if it fits, and by who has the rights of its owner
-- value_policy  what becomes of a record that PostgreSQL cannot hold: `fail` (default), state `failed`;
--               `null`, the value becomes NULL where it may; `quarantine`, it goes to ampsync.rejects
-- nul_policy    the character NUL in text: `replace` (default), `strip`, `fail`
-- restart       read it from its beginning again, into the same table, by its key; needed for another
--               url, records, pages or range (but its lookback and lag), with which the stored position
--               means nothing. Refused without a key
--
-- A change takes effect with the next page, within about 5 s. A source that is `complete` is read again
-- at once with another `every` or with `restart`; any other change of it waits for ampsync.resume_sync,
-- as the hint says. `key`, and the types of columns that the table has, are fixed.
--
-- Runs with its owner's rights. Whoever begins a source must have the right to create tables in its
-- schema himself (42501), or to create schemas where that is missing.
--
-- Idempotent: a repeated call changes nothing, but with `restart`. Returns the source.
--
-- Locks: advisory lock on a name that is new; dataset row; advisory lock on the bucket of the rate limit;
-- then as apply_source.
create or replace function ampsync.enqueue_http(
  inout dataset      text,
  in    source       jsonb default null,
  in    target       text default null,
  in    value_policy text default null,
  in    nul_policy   text default null,
  in    restart      boolean default false,
  out   table_name   text,
  out   state        text,
  out   hint         text
)
  returns setof record
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_ref     record := ampsync_private.parse_reference(enqueue_http.dataset);
  v_target  record;
  v_dataset ampsync_private.dataset;
  v_source  jsonb;
  v_hint    text;
begin
  perform ampsync_private.check_http_options(enqueue_http.dataset, v_ref.revision, enqueue_http.source,
                                             enqueue_http.value_policy, enqueue_http.nul_policy);
  v_target := ampsync_private.parse_target(enqueue_http.dataset, v_ref.namespace, v_ref.name, enqueue_http.target,
                                           enqueue_http.source);
  perform ampsync_private.claim_name(v_ref.namespace, v_ref.name, 'http', ampsync_private.http_statement(
            left(v_ref.name, 58) || '_http', enqueue_http.source));

  -- Locks the row of a known source too, so that concurrent calls queue up.
  perform ampsync_private.lock_dataset(d.dataset_id)
     from ampsync_private.dataset d
    where (d.namespace, d.name) = (v_ref.namespace, v_ref.name);
  insert into ampsync_private.dataset as d
         (namespace, name, kind, definition, tables, target_schema, rename, state, since, created_at)
  values (v_ref.namespace, v_ref.name, 'http', '{}', array[v_ref.name], v_target.target_schema,
          jsonb_build_object(v_ref.name, v_target.target_table), 'active', ampsync_private.now(),
          ampsync_private.now())
  on conflict (namespace, name, coalesce(revision, 'latest')) do update set name = excluded.name
  returning * into v_dataset;

  if enqueue_http.target is not null
     and (v_target.target_schema, v_target.target_table)
         <> (v_dataset.target_schema, ampsync_private.target_name(v_dataset, v_dataset.name)) then
    raise exception using
      errcode = 'SY004',
      message = format('%s is read into %I.%I; its target cannot be changed', v_dataset.label,
                       v_dataset.target_schema, ampsync_private.target_name(v_dataset, v_dataset.name)),
      detail  = format('Given: %s. A table that you rename is followed.', enqueue_http.target),
      hint    = ampsync_private.http_statement(v_dataset.label, enqueue_http.source);
  end if;

  v_source := ampsync_private.merge_source(v_dataset.definition, enqueue_http.source);
  perform ampsync_private.check_source(v_dataset.label, v_source);
  perform ampsync_private.check_bucket(v_dataset.dataset_id, v_dataset.label, v_source);
  if v_dataset.definition = '{}' then -- New.
    if not v_source @> '{"adopt": true}'
       or to_regclass(format('%I.%I', v_target.target_schema, v_target.target_table)) is null then
      call ampsync_private.check_may_create(v_dataset.target_schema);
    end if;
    update ampsync_private.dataset d
       set definition   = v_source,
           value_policy = coalesce(enqueue_http.value_policy, d.value_policy),
           nul_policy   = coalesce(enqueue_http.nul_policy, d.nul_policy)
     where d.dataset_id = v_dataset.dataset_id
    returning * into v_dataset;
    perform ampsync_private.register_http(v_dataset, v_target.target_table);
  else
    v_hint := ampsync_private.apply_source(v_dataset, v_source, enqueue_http.value_policy, enqueue_http.nul_policy,
                                           coalesce(enqueue_http.restart, false));
  end if;
  perform ampsync_private.schedule_supervisor();

  return query
  select r.dataset, r.table_name, r.state, coalesce(v_hint, r.hint)
    from ampsync_private.sync_report(v_dataset.dataset_id) r;
end;
$$;

comment on function ampsync.enqueue_http(text, jsonb, text, text, text, boolean)
  is 'Keep a table filled from a paginated HTTP API from now on; returns the source.';
