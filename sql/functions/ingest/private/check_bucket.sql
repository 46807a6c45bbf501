-- Refuses a definition that declares other numbers for the bucket of its rate limit than another
-- source does: a bucket has one set of numbers, and other sources join it by its name alone.
--
-- Locks: advisory lock on the bucket, 5 s at most, where numbers are declared.
create or replace function ampsync_private.check_bucket(
  p_dataset_id bigint,
  p_dataset    text,
  p_source     jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_limit constant jsonb := ampsync_private.full_rate_limit(p_source);
  v_other record;
begin
  if v_limit -> 'windows' = '[]' then
    return;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('ampsync.limit:' || (v_limit ->> 'bucket'), 0));
  select d.label, l.value -> 'windows' as windows into v_other
    from ampsync_private.dataset d
   cross join lateral (select ampsync_private.full_rate_limit(d.definition)) l (value)
   where d.kind = 'http'
     and d.dataset_id <> p_dataset_id
     and l.value ->> 'bucket' = v_limit ->> 'bucket'
     and l.value -> 'windows' not in ('[]', v_limit -> 'windows')
   limit 1;
  if found then
    perform ampsync_private.raise_source(
      p_dataset, '{rate_limit}', format('has other numbers for bucket %s than %s', v_limit ->> 'bucket', v_other.label),
      format('It has %s; here: %s. A bucket has one set of numbers, which all its sources share. Where the API has one '
             'for each of them, give this source another bucket.', v_other.windows, v_limit -> 'windows'),
      p_source || jsonb_build_object('rate_limit', jsonb_build_object('bucket', v_limit -> 'bucket')));
  end if;
exception
  when lock_not_available then
    raise exception using
      errcode = '55P03',
      message = format('another transaction is changing the rate limit of bucket %s', v_limit ->> 'bucket'),
      detail  = 'Nothing was changed.',
      hint    = 'Try again once that transaction is over.';
end;
$$;

comment on function ampsync_private.check_bucket(bigint, text, jsonb)
  is 'Raise SY004 if a definition has other numbers for its bucket than another source.';
