-- Lets the old streams of a dataset under upgrade go on, and the next attempt to exchange all
-- tables come later: after 1, 2, 5, 15, 15 … min.
--
-- Locks: upgrade row, stream rows. The caller holds the dataset row.
create or replace function ampsync_private.thaw_streams(
  p_dataset_id bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_upgrade ampsync_private.upgrade;
begin
  update ampsync_private.upgrade u
     set frozen_at = null,
         next_retry = ampsync_private.now() + ampsync_private.retry_delay(u.freezes, '{60,120,300,900}')
   where u.dataset_id = p_dataset_id
     and u.frozen_at is not null
  returning * into v_upgrade;
  if not found then
    return;
  end if;

  perform ampsync_private.let_go_on(s.stream_id)
     from ampsync_private.stream s
    where s.dataset_id = p_dataset_id
      and s.shadow_of is null
      and s.query is null;
  perform ampsync_private.journal(null, 'upgrade_deferred', coalesce(v_upgrade.error, '{}') || jsonb_build_object(
            'next_retry', v_upgrade.next_retry), p_dataset_id);
end;
$$;

comment on function ampsync_private.thaw_streams(bigint)
  is 'Let the old streams of a dataset under upgrade go on; the exchange is attempted later.';
