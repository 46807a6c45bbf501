-- How many streams a worker should hand over now, because it holds more than its share and a tenth
-- of that, or more than its share while another lacks more than a tenth of its own: at most a tenth
-- of what it holds in each heartbeat. A worker that had to take streams for lack of another taker
-- keeps what it has for five minutes, unless another one has started since.
create or replace function ampsync_private.to_yield(
  p_worker_id text
)
  returns bigint
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_yield bigint;
begin
  select least(ceil(h.held / 10.0),
               h.held - case when h.others_lack then ceil(h.share)
                             else greatest(ceil(h.share), floor(h.share * 1.1)) end) into v_yield
    from (select r.*, bool_or(r.held < floor(r.share * 0.9)) over () as others_lack
            from ampsync_private.sharing() r) h
   where h.worker_id = p_worker_id;
  if v_yield > 0 then
    perform 1
       from ampsync_private.lease l
      where l.holder = p_worker_id
        and l.declined_since > (select greatest(max(w.started_at), ampsync_private.now() - interval '5 min')
                                  from ampsync_private.worker w
                                 where w.lost_at is null);
    if not found then
      return v_yield;
    end if;
  end if;
  return 0;
end;
$$;

comment on function ampsync_private.to_yield(text)
  is 'How many streams a worker should hand over now, because it holds more than its share.';
