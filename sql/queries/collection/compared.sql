-- Notes that the pins were compared with the rows. $1 number of lost pins.
UPDATE collection SET compared_at = now(), lost_pins = $1
