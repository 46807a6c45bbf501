-- Follows the log of changes in psql: psql -f tail.sql, ended by Ctrl-C. The cursor lives as long as the session.
create temporary table cursor (epoch uuid, position bigint not null);
insert into cursor values (null, 0);

with page as materialized (
  select c.* from cursor u cross join lateral ampsync.read_changes(after => u.position, epoch => u.epoch) c
), moved as (
  update cursor u set (epoch, position) = (l.epoch_id, l.position)
    from (select epoch_id, position from page order by position desc limit 1) l
)
select position, committed_at, kind, table_name, operation, key, data, details from page \watch 1
