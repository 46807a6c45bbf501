-- All keys that a row had, as far as the log tells: from the given one along the changes of key, back and forth.
create or replace function ampsync_private.keys_of_row(
  p_published_ids integer[],
  p_key           text
)
  returns setof text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off -- Few rows by their hash, whatever statistics say.
as $$
  with recursive keys (key) as (
    select p_key
    union
    select c.metadata ->> 'moved'
      from keys k
      join ampsync_private.change c
        on c.published_id = any (p_published_ids)
       and hashtextextended(c.key, 0) = hashtextextended(k.key, 0)
       and c.key = k.key
      join ampsync_private.change_tx t on t.tx_id = c.tx_id -- Others are not there.
     where c.metadata ? 'moved'
  )
  select k.key from keys k;
$$;

comment on function ampsync_private.keys_of_row(integer[], text)
  is 'All keys that a row had, as far as the log tells.';
