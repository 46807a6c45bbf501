-- Brings the records of a commit into the target by halves, until each bad one is alone; the others come there in their
-- order. What it takes and returns is that of insert_records, and:
--
-- p_retries   A record that refers to what is not there (23503) may refer to a later one of the same commit, which
--             all together would have found. Such records are tried again once all others are stored: together, then
--             by halves, the last one first; and again as long as that stores one in 100 of them, 50 times at most.
--             Only then they are bad. Without it they are bad at once
--
-- bad         the numbers of the rejected records
-- nulls       {"<column>": numbers of records} of the values that became NULL
-- is_late     whether a further attempt stored some, after others that come behind them
--
-- Called by insert_by_halves alone.
create or replace function ampsync_private.try_by_halves(
  in  p_stream  ampsync_private.stream,
  in  p_source  jsonb,
  in  p_policy  text,
  in  p_parts   jsonb,
  in  p_records integer,
  in  p_watches boolean,
  in  p_retries boolean,
  out inserted  bigint,
  out high      jsonb,
  out rejected  jsonb[],
  out nulled    jsonb[],
  out bad       integer[],
  out nulls     jsonb,
  out is_late   boolean
)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_staging regclass := ampsync_private.staging_table(p_stream.stream_id);
  v_places  tid[] := ampsync_private.record_places(v_staging);
  v_values  text[] := array(select ampsync_private.column_value(c.value, '$1')
                              from jsonb_array_elements(p_stream.columns) with ordinality c
                             order by c.ordinality);
  v_pages   record;
  v_lists   text[];
  v_todo    integer[] := array[0, p_records]; -- Ranges of records, or of v_late, the next one last.
  v_start   integer;
  v_end     integer;
  v_some    integer[]; -- The records of the attempt; null: all of the range.
  v_from    integer;
  v_to      integer;
  v_first   tid;
  v_last    tid;
  v_nulls   text[] := '{}'; -- Columns that are NULL in the next attempt.
  v_nulled  text[] := '{}'; -- Columns that are NULL in the statement ampsync_nulled.
  v_null_at integer[] := '{}'; -- The record of each of `nulled`.
  v_found   jsonb; -- What is wrong with them.
  v_count   bigint;
  v_high    jsonb;
  v_code    text; -- Null: the attempt succeeded.
  v_reason  text;
  v_column  text;
  v_bad     jsonb;
  v_place   jsonb;
  v_record  text;
  v_late    integer[]; -- Records that are tried again; null: all are tried for the first time.
  v_later   integer[] := '{}'; -- Those that are to be tried again after that.
  v_round   integer := 0;
  v_is_last boolean := not p_retries; -- Whether they are bad now.
begin
  inserted := 0;
  high := '{}';
  rejected := '{}';
  nulled := '{}';
  bad := '{}';
  is_late := false;
  select * into strict v_pages
    from ampsync_private.page_lists(p_stream, p_parts);
  v_lists := ampsync_private.upsert_lists(p_stream, v_pages.firsts, v_pages.parts, v_pages.looked);
  perform ampsync_private.prepare_upsert(
            'ampsync_upsert', ampsync_private.upsert_text(p_stream, p_source, v_staging, v_lists, p_watches));

  while v_todo <> '{}' or v_later <> '{}'
  loop
    if v_todo = '{}' then
      v_round := v_round + 1;
      v_is_last := v_round > 50 or coalesce(cardinality(v_later) > 0.99 * cardinality(v_late), false);
      v_late := array(select l.n from unnest(v_later) with ordinality l(n, place)
                      order by case when v_is_last then l.n end, l.place desc);
      v_later := '{}';
      v_todo := array[0, cardinality(v_late)];
      if v_round = 1 then
        perform ampsync_private.prepare_upsert(
                  'ampsync_late', ampsync_private.upsert_text(p_stream, p_source, v_staging, v_lists, p_watches,
                                                              p_only => 'p.n = any ($5)'));
      end if;
    end if;
    v_start := v_todo[cardinality(v_todo) - 1];
    v_end := v_todo[cardinality(v_todo)];
    v_todo := v_todo[:cardinality(v_todo) - 2];
    v_some := v_late[v_start + 1:v_end];
    select coalesce(min(u.n), v_start), coalesce(max(u.n) + 1, v_end) into strict v_from, v_to
      from unnest(v_some) u(n);
    v_first := coalesce(v_places[v_from + 1], '(0,0)');
    v_last := coalesce(v_places[v_to], '(4294967295,65535)');
    v_code := null;
    begin
      execute format('execute %I(%s, %s, %L, %L, %L)',
                     case when v_nulls <> '{}' then 'ampsync_nulled' when v_end - v_start > 1 and v_some is not null
                          then 'ampsync_late' else 'ampsync_upsert' end, v_from, v_to, v_first, v_last, v_some)
         into strict v_count, v_high;
    exception
      when others then
        get stacked diagnostics v_code = returned_sqlstate, v_reason = message_text, v_column = column_name;
        if not ampsync_private.is_refusal(v_code) then
          perform ampsync_private.forget_upserts();
          raise;
        end if;
    end;

    if v_code is null then
      is_late := is_late or v_some is not null;
      inserted := inserted + v_count;
      high := ampsync_private.greatest_of(high, v_high);
      if v_nulls <> '{}' then
        nulled := nulled || array(select f.value || v_place from jsonb_array_elements(v_found) f);
        v_null_at := v_null_at || array_fill(v_from, array[jsonb_array_length(v_found)]);
        v_nulls := '{}';
      end if;
      continue;
    elsif v_end - v_start > 1 then
      v_todo := v_todo || array[(v_start + v_end) / 2, v_end, v_start, (v_start + v_end) / 2];
      continue;
    elsif v_code = '23503' and not v_is_last then
      v_later := v_later || v_from;
      v_nulls := '{}';
      continue;
    end if;

    execute format('select p.record from %s p where p.n = $1 and p.ctid >= $2 and p.ctid <= $3', v_staging)
       into strict v_record
      using v_from, v_first, v_last;
    v_place := jsonb_build_object('block', v_pages.numbers[width_bucket(v_from, v_pages.firsts)],
                                  'row', v_from - v_pages.firsts[width_bucket(v_from, v_pages.firsts)]);
    v_bad := ampsync_private.bad_record(
               p_stream, v_place || jsonb_build_object('sqlstate', v_code, 'reason', left(v_reason, 500),
                                                       'column', nullif(v_column, '')),
               v_record, case when p_policy <> 'quarantine' or cardinality(rejected) not between 100 and 9999
                              then v_values end);
    if p_policy = 'null' and v_nulls = '{}'
       and ampsync_private.may_be_null(p_stream, p_source, v_bad -> 'columns') then
      v_found := v_bad -> 'columns';
      v_nulls := array(select f.value ->> 'column' from jsonb_array_elements(v_found) f);
      if v_nulls <> v_nulled then
        v_nulled := v_nulls;
        perform ampsync_private.prepare_upsert(
                  'ampsync_nulled',
                  ampsync_private.upsert_text(
                    p_stream, p_source, v_staging, v_lists, p_watches,
                    (select jsonb_object_agg(u.name, null::text) from unnest(v_nulls) u(name))));
      end if;
      v_todo := v_todo || array[v_start, v_end];
    elsif p_policy <> 'quarantine' or cardinality(rejected) >= 10000 then
      perform ampsync_private.forget_upserts();
      call ampsync_private.raise_bad_record(p_stream, v_bad, cardinality(rejected));
    else
      rejected := rejected || (v_bad - 'columns');
      bad := bad || v_from;
    end if;
  end loop;
  perform ampsync_private.forget_upserts();

  select coalesce(jsonb_object_agg(c.name, c.numbers), '{}') into strict nulls
    from (select u.value ->> 'column' as name, jsonb_agg(u.n) as numbers
            from unnest(nulled, v_null_at) u(value, n)
           group by 1) c;
end;
$$;

comment on function ampsync_private.try_by_halves(ampsync_private.stream, jsonb, text, jsonb, integer, boolean, boolean)
  is 'Bring the records of a commit into the target by halves, until each bad one is alone.';
