-- The second part of insert_records, after PostgreSQL has refused all records together: finds the bad ones by halves
-- (try_by_halves). What it takes and returns is the same.
--
-- Where records had to be stored after others that come behind them, for they refer to those, the versions of a key
-- would not follow each other as they came. Then all of that is undone, and what is not bad is stored together. Where
-- that is refused after all, as by a unique column that changes hands, no version may replace a later one: records that
-- refer to later ones are bad. With `ignore` none is replaced, and of a key another one may be kept than the first.
--
-- Called by insert_records alone, whose settings of the planner it works under.
create or replace function ampsync_private.insert_by_halves(
  in  p_stream  ampsync_private.stream,
  in  p_source  jsonb,
  in  p_policy  text,
  in  p_parts   jsonb,
  in  p_records integer,
  in  p_watches boolean,
  out inserted  bigint,
  out high      jsonb,
  out rejected  jsonb[],
  out nulled    jsonb[]
)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_staging regclass := ampsync_private.staging_table(p_stream.stream_id);
  v_pages   record;
  v_bad     integer[];
  v_nulls   jsonb;
  v_is_late boolean := false;
begin
  begin
    select t.inserted, t.high, t.rejected, t.nulled, t.bad, t.nulls, t.is_late
      into strict inserted, high, rejected, nulled, v_bad, v_nulls, v_is_late
      from ampsync_private.try_by_halves(p_stream, p_source, p_policy, p_parts, p_records, p_watches, true) t;
    if v_is_late then
      raise exception using -- Caught below.
        errcode = 'SY203',
        message = format('records of %s refer to later ones', p_stream.target),
        detail  = 'What was inserted is undone.',
        hint    = 'Insert what is not bad together.';
    end if;
    return;
  exception
    when others then
      if not v_is_late then
        raise;
      end if;
  end;

  begin
    select * into strict v_pages
      from ampsync_private.page_lists(p_stream, p_parts);
    execute ampsync_private.upsert_text(
              p_stream, p_source, v_staging,
              ampsync_private.upsert_lists(p_stream, v_pages.firsts, v_pages.parts, v_pages.looked), p_watches,
              v_nulls, p_only => format('p.n <> all (%L::integer[])', v_bad))
       into strict inserted, high
      using 0, p_records, tid '(0,0)', tid '(4294967295,65535)';
    return;
  exception
    when others then
      if not ampsync_private.is_refusal(sqlstate) then
        raise;
      end if;
  end;

  select t.inserted, t.high, t.rejected, t.nulled into strict inserted, high, rejected, nulled
    from ampsync_private.try_by_halves(p_stream, p_source, p_policy, p_parts, p_records, p_watches,
                                        p_source ->> 'on_conflict' = 'ignore') t;
end;
$$;

comment on function ampsync_private.insert_by_halves(ampsync_private.stream, jsonb, text, jsonb, integer, boolean)
  is 'Bring the records of a commit into the target, and find the bad ones by halves.';
