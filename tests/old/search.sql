BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v2.6.0.a');
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO "studies" VALUES(1,'sshml');
CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_directions" VALUES(1,'MAXIMIZE',1,0);
CREATE TABLE study_system_attributes (
	study_system_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_intermediate_values (
	trial_intermediate_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	intermediate_value FLOAT NOT NULL, 
	PRIMARY KEY (trial_intermediate_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_params (
	param_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	param_name VARCHAR(512), 
	param_value FLOAT, 
	distribution_json TEXT, 
	PRIMARY KEY (param_id), 
	UNIQUE (trial_id, param_name), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_params" VALUES(1,1,'optimizer.lr',4.43037524521826871909e-03,'{"name": "LogUniformDistribution", "attributes": {"low": 0.0001, "high": 0.1}}');
INSERT INTO "trial_params" VALUES(2,1,'optimizer.momentum',8.50442789522485531605e-01,'{"name": "UniformDistribution", "attributes": {"low": 0.5, "high": 0.99}}');
INSERT INTO "trial_params" VALUES(3,1,'optimizer.weight_decay',2.57663857461358850042e-03,'{"name": "LogUniformDistribution", "attributes": {"low": 1e-05, "high": 0.1}}');
INSERT INTO "trial_params" VALUES(4,1,'data.batch_size',15.0,'{"name": "IntUniformDistribution", "attributes": {"low": 10, "high": 20, "step": 1}}');
INSERT INTO "trial_params" VALUES(5,1,'model.widths',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["[4,4]", "[8,8]"]}}');
INSERT INTO "trial_params" VALUES(6,1,'+optimizer.nesterov',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [true, false]}}');
INSERT INTO "trial_params" VALUES(7,1,'augmentation',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "site_reversal"]}}');
INSERT INTO "trial_params" VALUES(8,2,'optimizer.lr',2.37233007299219485208e-02,'{"name": "LogUniformDistribution", "attributes": {"low": 0.0001, "high": 0.1}}');
INSERT INTO "trial_params" VALUES(9,2,'optimizer.momentum',7.59158510678923148518e-01,'{"name": "UniformDistribution", "attributes": {"low": 0.5, "high": 0.99}}');
INSERT INTO "trial_params" VALUES(10,2,'optimizer.weight_decay',1.87145006862406691229e-03,'{"name": "LogUniformDistribution", "attributes": {"low": 1e-05, "high": 0.1}}');
INSERT INTO "trial_params" VALUES(11,2,'data.batch_size',20.0,'{"name": "IntUniformDistribution", "attributes": {"low": 10, "high": 20, "step": 1}}');
INSERT INTO "trial_params" VALUES(12,2,'model.widths',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["[4,4]", "[8,8]"]}}');
INSERT INTO "trial_params" VALUES(13,2,'+optimizer.nesterov',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [true, false]}}');
INSERT INTO "trial_params" VALUES(14,2,'augmentation',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "site_reversal"]}}');
INSERT INTO "trial_params" VALUES(15,3,'optimizer.lr',8.62690522071490467626e-02,'{"name": "LogUniformDistribution", "attributes": {"low": 0.0001, "high": 0.1}}');
INSERT INTO "trial_params" VALUES(16,3,'optimizer.momentum',8.91587696466194623567e-01,'{"name": "UniformDistribution", "attributes": {"low": 0.5, "high": 0.99}}');
INSERT INTO "trial_params" VALUES(17,3,'optimizer.weight_decay',7.01321977994579176876e-04,'{"name": "LogUniformDistribution", "attributes": {"low": 1e-05, "high": 0.1}}');
INSERT INTO "trial_params" VALUES(18,3,'data.batch_size',18.0,'{"name": "IntUniformDistribution", "attributes": {"low": 10, "high": 20, "step": 1}}');
INSERT INTO "trial_params" VALUES(19,3,'model.widths',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["[4,4]", "[8,8]"]}}');
INSERT INTO "trial_params" VALUES(20,3,'+optimizer.nesterov',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [true, false]}}');
INSERT INTO "trial_params" VALUES(21,3,'augmentation',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "site_reversal"]}}');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_user_attributes" VALUES(1,1,'sweep','"search"');
INSERT INTO "trial_user_attributes" VALUES(2,1,'data.n_cells','"8"');
INSERT INTO "trial_user_attributes" VALUES(3,1,'data.n_train','"50"');
INSERT INTO "trial_user_attributes" VALUES(4,1,'data.n_val','"20"');
INSERT INTO "trial_user_attributes" VALUES(5,1,'data.n_test','"20"');
INSERT INTO "trial_user_attributes" VALUES(6,1,'trainer.max_epochs','"1"');
INSERT INTO "trial_user_attributes" VALUES(7,1,'model.pool_after','"[1]"');
INSERT INTO "trial_user_attributes" VALUES(8,1,'callbacks.maps.every_n_epochs','"100"');
INSERT INTO "trial_user_attributes" VALUES(9,1,'callbacks.maps.examples','"1"');
INSERT INTO "trial_user_attributes" VALUES(10,1,'trainer.accelerator','"cpu"');
INSERT INTO "trial_user_attributes" VALUES(11,1,'logger','"csv"');
INSERT INTO "trial_user_attributes" VALUES(12,2,'sweep','"search"');
INSERT INTO "trial_user_attributes" VALUES(13,2,'data.n_cells','"8"');
INSERT INTO "trial_user_attributes" VALUES(14,2,'data.n_train','"50"');
INSERT INTO "trial_user_attributes" VALUES(15,2,'data.n_val','"20"');
INSERT INTO "trial_user_attributes" VALUES(16,2,'data.n_test','"20"');
INSERT INTO "trial_user_attributes" VALUES(17,2,'trainer.max_epochs','"1"');
INSERT INTO "trial_user_attributes" VALUES(18,2,'model.pool_after','"[1]"');
INSERT INTO "trial_user_attributes" VALUES(19,2,'callbacks.maps.every_n_epochs','"100"');
INSERT INTO "trial_user_attributes" VALUES(20,2,'callbacks.maps.examples','"1"');
INSERT INTO "trial_user_attributes" VALUES(21,2,'trainer.accelerator','"cpu"');
INSERT INTO "trial_user_attributes" VALUES(22,2,'logger','"csv"');
INSERT INTO "trial_user_attributes" VALUES(23,3,'sweep','"search"');
INSERT INTO "trial_user_attributes" VALUES(24,3,'data.n_cells','"8"');
INSERT INTO "trial_user_attributes" VALUES(25,3,'data.n_train','"50"');
INSERT INTO "trial_user_attributes" VALUES(26,3,'data.n_val','"20"');
INSERT INTO "trial_user_attributes" VALUES(27,3,'data.n_test','"20"');
INSERT INTO "trial_user_attributes" VALUES(28,3,'trainer.max_epochs','"1"');
INSERT INTO "trial_user_attributes" VALUES(29,3,'model.pool_after','"[1]"');
INSERT INTO "trial_user_attributes" VALUES(30,3,'callbacks.maps.every_n_epochs','"100"');
INSERT INTO "trial_user_attributes" VALUES(31,3,'callbacks.maps.examples','"1"');
INSERT INTO "trial_user_attributes" VALUES(32,3,'trainer.accelerator','"cpu"');
INSERT INTO "trial_user_attributes" VALUES(33,3,'logger','"csv"');
CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	value FLOAT NOT NULL, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, objective), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_values" VALUES(1,1,0,0.5);
INSERT INTO "trial_values" VALUES(2,2,0,0.5);
INSERT INTO "trial_values" VALUES(3,3,0,0.5);
CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2026-11-28 00:39:44.424103','2026-11-28 00:39:47.205213');
INSERT INTO "trials" VALUES(2,1,1,'COMPLETE','2026-11-28 00:39:47.227870','2026-11-28 00:39:51.636934');
INSERT INTO "trials" VALUES(3,2,1,'COMPLETE','2026-11-28 00:39:51.657902','2026-11-28 00:39:54.674918');
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,12,'2.10.1');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
COMMIT;
