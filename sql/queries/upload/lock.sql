-- Where a session stands, for whoever moves it next. $1 id.
SELECT received FROM uploads WHERE id = $1 FOR NO KEY UPDATE
