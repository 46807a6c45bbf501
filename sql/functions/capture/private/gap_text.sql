-- Why a slot is made, or was dropped, in words for people: see slot_fault for the codes. wal_limit and
-- unused are those of keep_wal_limit and end_capturing.
create or replace function ampsync_private.gap_text(
  p_code text
)
  returns text
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case p_code
    when 'not_made' then 'capture began'
    when 'publication_dropped' then 'the publication was dropped'
    when 'publication_replaced' then 'somebody made the publication anew, which the slot cannot decode by'
    when 'slot_dropped' then 'somebody dropped the slot'
    when 'slot_lost' then 'the server had invalidated the slot'
    when 'slot_advanced' then 'the slot stood beyond the log: somebody moved it'
    when 'wal_ahead' then 'the log stood beyond the end of WAL: the server was restored'
    when 'other_server' then 'the slot was made in another server or database'
    when 'wal_limit' then 'the slot kept as much WAL as wal_limit allows'
    when 'unused' then 'nothing was captured for 10 minutes'
    else p_code end;
end;
$$;

comment on function ampsync_private.gap_text(text)
  is 'Why a slot is made, or was dropped, in words for people.';
