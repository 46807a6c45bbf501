-- How far one step of a reader of rows goes: the last whole transaction within 4 MiB and 20,000 changes above a
-- position, at least one; of blocks there is nothing to read in the log. Null: above all, the head.
--
-- In PL/pgSQL, which keeps plans.
create or replace function ampsync_private.log_page(
  p_after   bigint,
  out upto    bigint,
  out changes bigint,
  out bytes   bigint
)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  select coalesce(max(w.position), p_after, ampsync_private.log_head()), coalesce(sum(w.own_changes), 0),
         coalesce(sum(w.own_bytes), 0)
    into upto, changes, bytes
    from (select n.*, sum(n.own_changes) over o as changes, sum(n.own_bytes) over o as bytes,
                 row_number() over o as place
            from (select t.position,
                         case when t.kind = 'rows' then t.changes::bigint else 0 end as own_changes,
                         case when t.kind = 'rows' then t.bytes else 0 end as own_bytes
                    from ampsync_private.change_tx t
                   where t.position > p_after
                   order by t.position
                   limit 10000) n
          window o as (order by n.position)) w
   where w.place = 1
      or (w.bytes <= 4194304 and w.changes <= 20000);
end;
$$;

comment on function ampsync_private.log_page(bigint)
  is 'The last transaction of one step of a reader of the log above a position.';
