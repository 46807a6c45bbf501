-- Locks the rows of `published` that a call of commit_capture may change, so that it waits for none of them
-- while it holds the log lock. Waits as long as the caller's lock_timeout: then 55P03.
create or replace function ampsync_private.hold_changing(
  p_transactions jsonb,
  p_specials     integer[],
  p_losses       jsonb,
  p_truncated    jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_losses <> '[]' or p_truncated <> '[]' then
    perform 1
       from ampsync_private.published p
      where p.published_id in (select (i.value ->> 'id')::integer
                                 from jsonb_array_elements(p_losses || p_truncated) i)
      order by p.published_id
        for no key update;
  end if;
  if p_specials <> '{}' then
    perform ampsync_private.hold_forms(p_transactions);
  end if;
end;
$$;

comment on function ampsync_private.hold_changing(jsonb, integer[], jsonb, jsonb)
  is 'Lock the rows of published tables that captured transactions may change.';
